"""The lab: a design on real Linux, in network namespaces of one machine."""
