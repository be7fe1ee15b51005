"""Operations: idempotent pyinfra operations that pyinfra lacks. Each yields only real deltas."""
