"""Who goes which way: paths through a fabric, and how load is balanced over them."""
