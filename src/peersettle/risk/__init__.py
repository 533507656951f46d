"""What markets ask for: their terms and risk parameters, scenarios, risk arrays and margin. Pure."""
