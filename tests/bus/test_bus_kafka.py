"""The bus on Kafka: the contract, and what is its own."""

import pytest

pytest.register_assert_rewrite("penstock.testing.bus_suite")
from penstock.testing.bus_control import BrokerControl  # noqa: E402
from penstock.testing.bus_suite import BusSuite  # noqa: E402


class TestKafkaBus(BusSuite):
    @pytest.fixture
    def broker(self, kafka_broker: BrokerControl) -> BrokerControl:
        return kafka_broker
