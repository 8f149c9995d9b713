"""The doctor of agents: what they see, how they learn, and which other settings learn better.

code            settings of an agent as lines that make a new one
rolling         episodes in environments of the doctor's own, with what the agent thinks of them
learning        short learnings of new agents, and what is measured as they go
suspects        what suspicions are drawn from; of_data, of_memories, of_policies and of_networks
                draw them, each with what might mend it
trials          whether it does
diagnosing      all of it, in this order
"""
