"""A relayer: passes over all lanes, deliveries, returns, refunds, claims."""
