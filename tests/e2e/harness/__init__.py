"""What the scenarios are written with: terminals of people, a running Gerve, and hostile clients."""
