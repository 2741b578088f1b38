"""The rules, by what they are about: each is a query for the rows that break it."""
