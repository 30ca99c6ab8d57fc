"""Apache Kafka, with aiokafka."""
