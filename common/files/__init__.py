"""Tables in files: what staff take out, and what they bring back from their spreadsheets."""
