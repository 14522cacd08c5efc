"""The pages of notices and of free choices: what people were told, and what they said to it.

They join the register, which has the texts, and the devices, which are told what follows.
"""
