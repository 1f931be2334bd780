"""The judge's own tests on trial: each place of its comparison and bounds is spoilt, and some test must notice."""
