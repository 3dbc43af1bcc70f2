"""What tests build their cases from: records, a data set of its own, methods that misbehave, processes, servers."""
