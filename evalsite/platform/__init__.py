"""The ground both apps stand on: no knowledge of models, pairs or statistics."""
