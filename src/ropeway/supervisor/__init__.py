"""The process that keeps a one-machine site's endpoints: replicas up, models pulled, weights and routes in effect."""
