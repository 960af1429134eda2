"""Real programs on a lab's hosts: collectives and a training run with PyTorch over gloo, Open MPI, iperf3."""
