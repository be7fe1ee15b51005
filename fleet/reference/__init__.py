"""Reference texts: behind each id, and pages made from code."""
