"""What the README's tables rest on: measurements, kept as JSON, and the tables made from them."""
