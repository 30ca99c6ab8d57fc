"""RabbitMQ, with aio-pika."""
