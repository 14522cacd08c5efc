"""The narrow waist: whatever takes collection away is a Restriction."""
