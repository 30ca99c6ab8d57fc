"""Camunda 7 resources of CMMN: case-definition, case-instance, case-execution."""
