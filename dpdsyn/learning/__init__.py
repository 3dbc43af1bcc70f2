"""What a schema leaves open, learnt from rows under the budget."""
