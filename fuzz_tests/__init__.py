"""The readers of files from outside, given bytes that nobody wrote in earnest."""
