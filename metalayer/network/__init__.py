"""What runs where: workspace, configuration, connections, transactions, signers, registry, local chains."""
