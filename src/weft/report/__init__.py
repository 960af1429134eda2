"""Results for people: terminal tables, timelines, notebook cards."""
