"""What `dpdsyn check` holds methods and learning to."""
