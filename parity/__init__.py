"""The judge: decides from two traces whether two programs compute the same thing; knows no framework."""
