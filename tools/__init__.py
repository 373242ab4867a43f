"""Programs that make pages of docs/ from the code, its figures and its sounds."""
