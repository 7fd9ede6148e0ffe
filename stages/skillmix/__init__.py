"""Instruct-SkillMix (arXiv:2408.14774): name skills, mix k of them, write a task that needs all."""
