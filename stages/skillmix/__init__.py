"""Instruct-SkillMix (arXiv:2408.14774), data-agnostic: name skills, mix k of them, write the task."""
