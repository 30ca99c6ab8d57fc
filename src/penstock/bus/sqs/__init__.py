"""Amazon SQS, with aiobotocore."""
