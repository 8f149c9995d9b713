"""The doctor for agents: what they see, how they learn, and which other settings work better.

code            settings of an agent as lines that make a new one
rolling         episodes in environments of the doctor's own, with what the agent thinks of them
learning        short trainings of new agents, and the measurements taken during them
suspects        the basis of suspicions; of_data, of_memories, of_policies and of_networks raise
                them, each with possible remedies
trials          whether a remedy helps
diagnosing      all of it, in this order
"""
