"""A solver: pays recipients before their transfers arrive, and gets what arrives."""
