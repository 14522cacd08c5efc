"""How routes, requests and scopes are said to people: facts in, words out."""
