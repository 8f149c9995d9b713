"""Reinforcement learning: agents built on plainnet's networks, in Gymnasium's environments.

ppo, a2c, reinforce, dqn              one algorithm each; the first three share actor_critic.py
agent                                 what all agents share: learning and acting
learning                              the episodes so far, and their learning curve
evaluation                            how well an agent does, in new environments
saving                                agents as files; files.py limits what a file may ask for
environments                          Gymnasium's, several at a time
running                               scales observations and rewards
policies, losses, returns, replay     distributions, objectives, advantages, memory
watching, plots                       episodes to watch, and plots of values and policies
"""

from plainnet.rl.a2c import A2C
from plainnet.rl.agent import Agent
from plainnet.rl.dqn import DQN
from plainnet.rl.learning import Learning
from plainnet.rl.plots import plot_probabilities, plot_values
from plainnet.rl.policies import Categorical, Gaussian, Policy
from plainnet.rl.ppo import PPO
from plainnet.rl.reinforce import REINFORCE
from plainnet.rl.saving import load_agent
from plainnet.rl.watching import episode, record

__all__ = [
    "A2C",
    "DQN",
    "PPO",
    "REINFORCE",
    "Agent",
    "Categorical",
    "Gaussian",
    "Learning",
    "Policy",
    "episode",
    "load_agent",
    "plot_probabilities",
    "plot_values",
    "record",
]
