"""Failed work tried again in bulk: found by what it is and why it failed, counted, and given retries at a stated pace.

What has failed are jobs and external tasks without retries, each with its open incident. A run is a batch
(`runtime.batches`): it survives nodes, is suspended and deleted like every batch, and what each share has come to is
written in the transaction that gives the retries.
"""
