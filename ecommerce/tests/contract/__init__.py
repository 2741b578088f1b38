"""The whole OpenAPI description held against the real server, by schemathesis: `make contract`."""
