"""Graphs of passes, with torch's own capture replaced by one that a CPU can do."""

import copy

import pytest
import torch
from helpers import build_distiller
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from ssdkd.distillers import graphs
from ssdkd.distillers.graphs import MOST, REPEATS, PassGraphs
from ssdkd.models import Observer, recording
from ssdkd.models.layer_inputs import LayerInputs

N = 4


@pytest.fixture
def captured(monkeypatch) -> list[nn.Module]:
    """The passes that were captured; each replay runs them again, over the same outputs."""
    made = []

    def capture(module: nn.Module, samples: tuple, allow_unused_input: bool):
        assert allow_unused_input
        for _ in range(3):  # as torch warms up
            outputs = module(*samples)
        made.append(module)
        places = [output.detach().clone() for output in outputs]

        def replay(*inputs):
            results = module(*inputs)
            for place, result in zip(places, results):
                place.copy_(result.detach())
            return tuple(
                _At.apply(result, place) if result.requires_grad else place
                for result, place in zip(results, places)
            )

        return replay

    monkeypatch.setattr(torch.cuda, 'make_graphed_callables', capture)
    monkeypatch.setattr(PassGraphs, 'graphable', staticmethod(lambda inputs: True))
    return made


class _At(torch.autograd.Function):
    @staticmethod
    def forward(ctx, result, place):
        return place.detach()

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def made() -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(inplace=True)
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(5 * 16, 2))


def step(run, net: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """A step of plain gradient descent -> the output."""
    output = run(images)
    output.square().mean().backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= 0.1 * parameter.grad
            parameter.grad = None
    return output.detach()


def test_training_is_the_same(captured):
    plain, net = made(), made()
    run = PassGraphs(net)
    for i in range(REPEATS + 3):
        images = torch.rand(N, 3, 6, 6)
        assert torch.equal(step(plain, plain, images), step(run, net, images)), i
    for a, b in zip(plain.state_dict().values(), net.state_dict().values()):
        assert torch.equal(a, b)
    assert len(captured) == 1


def test_a_capture_leaves_statistics_and_random_numbers(captured):
    first = nn.Sequential(made(), nn.Dropout(0.5))
    images, ends = torch.rand(REPEATS + 1, N, 3, 6, 6), []
    for forward in (first, PassGraphs(copy.deepcopy(first))):
        net = getattr(forward, 'network', forward)
        torch.manual_seed(1)
        outputs = [step(forward, net, x) for x in images]
        ends.append([*outputs, *net.state_dict().values(), torch.get_rng_state()])
    assert len(captured) == 1 and all(map(torch.equal, *ends))


def kinds(run: PassGraphs, passes) -> int:
    """How many graphs passes of one kind add."""
    before = len(run._graphs)
    for _ in range(REPEATS):
        passes()
    return len(run._graphs) - before


def test_each_kind_has_a_graph_of_its_own(captured):
    net = made()
    run, images = PassGraphs(net), torch.rand(N, 3, 6, 6)

    def quiet(x=images):
        with torch.no_grad():
            run(x)

    assert kinds(run, quiet) == 1
    assert kinds(run, quiet) == 0
    assert kinds(run, lambda: quiet(images[:2])) == 1
    net.eval()
    assert kinds(run, quiet) == 1
    with torch.autocast('cpu', torch.bfloat16):  # of another device: the same
        assert kinds(run, quiet) == 0
    assert kinds(run, lambda: step(run, net, images)) == 1
    net[0].weight.requires_grad_(False)
    assert kinds(run, quiet) == 1
    net[0].weight.data = net[0].weight.data.clone()  # lies elsewhere
    assert kinds(run, quiet) == 1


def test_a_few_kinds_at_most(captured):
    net = made().eval()
    run = PassGraphs(net)
    for n in range(1, MOST + 3):
        for _ in range(REPEATS):
            run(torch.rand(n, 3, 6, 6)).sum().backward()
            net.zero_grad()
    assert len(captured) == MOST


def test_gradients_that_are_summed_run_as_usual(captured):
    plain, net = made(), made()
    run, images = PassGraphs(net), torch.rand(2 * REPEATS, N, 3, 6, 6)
    for forward in (plain, run):
        for x in images:
            forward(x).square().mean().backward()
    for a, b in zip(plain.parameters(), net.parameters()):
        assert torch.equal(a.grad, b.grad)
    assert not captured


def test_two_passes_before_their_gradients(captured):
    """As a loss of two views: the second pass must not overwrite what the first one left."""
    plain, net = made(), made()
    run, replays = PassGraphs(net), []
    for _ in range(REPEATS):
        images = torch.rand(N, 3, 6, 6)
        step(plain, plain, images)
        step(run, net, images)
    (graph,) = run._graphs.values()
    call = graph._replay
    graph._replay = lambda *inputs: replays.append(1) or call(*inputs)
    views = torch.rand(2, N, 3, 6, 6)
    for forward in (plain, run):
        (forward(views[0]) * forward(views[1])).mean().backward()
    assert replays == [1]
    for a, b in zip(plain.parameters(), net.parameters()):
        torch.testing.assert_close(a.grad, b.grad)


def test_an_output_outlives_the_next_pass(captured):
    net = made().eval()
    run = PassGraphs(net)
    with torch.no_grad():
        for _ in range(REPEATS):
            first = run(torch.rand(N, 3, 6, 6))
        kept = first.clone()
        run(torch.rand(N, 3, 6, 6))
    assert torch.equal(first, kept)


def test_observers_see_each_pass(captured):
    plain, net = made(), made()
    runs = [(m, PassGraphs(m) if m is net else m) for m in (plain, net)]
    watched = {m: LayerInputs('test', m, ['1', '4']) for m, _ in runs}
    for _ in range(REPEATS + 2):
        images = torch.rand(N, 3, 6, 6)
        found = []
        for m, run in runs:
            x = images.clone().requires_grad_()
            with recording(m, ['1', '2']) as features:
                output = run(x)
            calls = watched[m].take()
            loss = output.sum() + sum(c.square().sum() for _, c in calls)
            loss = loss + features['2'][0].square().sum()
            loss.backward()
            m.zero_grad()
            found.append([*(c for _, c in calls), *features['1'], *features['2'], x.grad])
            assert [name for name, _ in calls] == ['1', '4']
        for a, b in zip(*found):
            torch.testing.assert_close(a, b)
    assert len(captured) == 1
    watched[net].close()
    assert kinds(runs[1][1], lambda: step(runs[1][1], net, images)) == 1


@pytest.mark.parametrize(
    'add',
    [
        lambda net: net[1].register_forward_hook(lambda m, x, y: 2 * y),
        lambda net: net[1].register_forward_pre_hook(lambda m, x: None),
        lambda net: net[4].register_full_backward_hook(lambda m, a, b: None),
        lambda net: nn.utils.parametrizations.weight_norm(net[0]),
        lambda net: nn.utils.spectral_norm(net[0]),
    ],
)
def test_hooks_that_may_change_something(add, captured):
    plain, net = made(), made()
    for m in (plain, net):
        torch.manual_seed(0)
        add(m)
    run = PassGraphs(net)
    for _ in range(REPEATS + 1):
        images = torch.rand(N, 3, 6, 6)
        torch.testing.assert_close(step(plain, plain, images), step(run, net, images))


def test_hooks_of_others_are_called(captured):
    net, calls = made().eval(), []
    net[1].register_forward_hook(lambda m, x, y: calls.append(1))
    run = PassGraphs(net)
    for _ in range(REPEATS + 2):
        run(torch.rand(N, 3, 6, 6))
    assert len(calls) == REPEATS + 2 and not captured


def test_keyword_arguments_of_hooks(captured):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, x):
            return self.layer(input=x)

    net, seen = Named(), []
    net.layer.register_forward_pre_hook(
        Observer(lambda layer, args, keywords: seen.append(keywords['input'])), with_kwargs=True
    )
    run = PassGraphs(net)
    for i in range(REPEATS + 1):
        run(torch.full((2,), float(i)))
    assert [x[0].item() for x in seen] == list(range(REPEATS + 1)) and len(captured) == 1


def test_a_pass_that_cannot_be_captured(captured, monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError('operation not permitted when stream is capturing\nmore')

    monkeypatch.setattr(torch.cuda, 'make_graphed_callables', fails)
    said = []
    monkeypatch.setattr(graphs, 'print_log', lambda text, logger: said.append(text))
    net = made().eval()
    run, images = PassGraphs(net), torch.rand(N, 3, 6, 6)
    for _ in range(REPEATS + 2):
        assert torch.equal(run(images), net(images))
    assert said == [
        'CUDA graph of Sequential for 4 samples: the pass cannot be captured and runs as usual '
        '(RuntimeError: operation not permitted when stream is capturing)'
    ]


class Replacing(nn.Module):
    """Replaces a statistic in each pass, in one of two ways."""

    def __init__(self, data: bool):
        super().__init__()
        self.register_buffer('passes', torch.zeros(()))
        self.data = data

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.data:
            self.passes.data = self.passes + 1
        else:
            self.passes = self.passes + 1
        return x * self.passes


@pytest.mark.parametrize('data', [False, True])
def test_a_network_that_replaces_its_statistics(data, captured, monkeypatch):
    said = []
    monkeypatch.setattr(graphs, 'print_log', lambda text, logger: said.append(text))
    net = Replacing(data)
    run = PassGraphs(net)
    kind = run._kind  # as if each new tensor lay where the one before did
    monkeypatch.setattr(run, '_kind', lambda inputs: kind(inputs) and ())
    for i in range(2 * REPEATS):
        assert run(torch.ones(2)).tolist() == [i + 1.0] * 2
    (text,) = said
    assert text.endswith(
        "(RuntimeError: it replaces 'passes' where it could change it in place)"
    )


def test_kinds_that_never_repeat_are_forgotten(captured):
    net = made().eval()
    run, images, kept = PassGraphs(net), torch.rand(N, 3, 6, 6), []
    for _ in range(3 * graphs.FORGETS):
        kept.append(net[0].weight.data)
        net[0].weight.data = kept[-1].clone()
        run(images)
    assert len(run._seen) <= graphs.FORGETS + 1 and not captured


def test_tensors_without_memory_run_as_usual():
    with FakeTensorMode():
        images = torch.empty(N, 3, 6, 6, device='cuda')
    assert images.is_cuda and not PassGraphs.graphable((images,))


def test_a_copy_captures_for_itself(captured):
    net = made().eval()
    run, images = PassGraphs(net), torch.rand(N, 3, 6, 6)
    for _ in range(REPEATS):
        run(images)
    other = copy.deepcopy(run)
    assert other.network is not net and not other._graphs
    assert torch.equal(other(images), net(images))


def test_nothing_is_captured_on_the_cpu():
    net = made().eval()
    run, images = PassGraphs(net), torch.rand(N, 3, 6, 6)
    for _ in range(REPEATS + 1):
        assert torch.equal(run(images), net(images))
    assert not run._graphs


def test_which_networks_are_replayed(tiny):
    distiller = build_distiller(tiny({'model.cuda_graphs': True}))
    plain, compiled = made(), made()
    compiled.compile(backend='eager')
    program = torch.jit.trace(made().eval(), torch.rand(N, 3, 6, 6))
    assert isinstance(distiller.replayed(plain), PassGraphs)
    assert distiller.replayed(plain) is distiller.replayed(plain)
    assert distiller.replayed(compiled) is compiled and distiller.replayed(program) is program
    assert build_distiller(tiny({'model.cuda_graphs': False})).replayed(plain) is plain


def test_a_copied_distiller_replays_its_own_networks(tiny):
    distiller = build_distiller(tiny({'model.cuda_graphs': True}))
    kept = list(distiller._graphs)
    assert kept and all(
        n in (*distiller.networks.values(), distiller.teacher.answering) for n in kept
    )
    other = copy.deepcopy(distiller)
    for name, network in other.networks.items():
        assert other.replayed(network).network is network is not distiller.networks[name]
