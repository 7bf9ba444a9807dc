"""What needs validators, relayers and staking at once: a network whose clocks are moved."""
