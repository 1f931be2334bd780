"""What a witness in a container is kept from, asked from within."""
