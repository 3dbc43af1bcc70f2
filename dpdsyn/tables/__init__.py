"""A person's table: kinds of its columns, and what in it contradicts its schema."""
