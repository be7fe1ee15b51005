"""The permanent swap file, and swap that exists for one build."""
