"""The court: calls the witness and the product, asks the judge."""
