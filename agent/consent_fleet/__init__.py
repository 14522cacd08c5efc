"""A simulated fleet: many devices that ask a portal for their policies, from one process.

Real HTTP to loopback addresses and nowhere else, bounded, and it ends by itself. It measures, and
puts what a sample of the devices is told through the reference agent's own acceptance. It keeps
nothing on disk, collects nothing, and is no part of the agent: `consent_agent` doesn't import it.
"""
