"""PyTorch on the CPU: eager, and as torch-compile with what torch.compile takes. Kernels are done when the call returns."""

import torch
from torch.nn import functional as F

from inputs import *

VERSION = torch.__version__


def kinds(library, threads):
    torch.set_num_threads(threads)
    compiled = library == "torch-compile"
    maybe_compiled = torch.compile if compiled else lambda f: f
    tensor = torch.from_numpy

    def scalar(f):
        step = lambda: f().item()
        return step, lambda: [step()]

    def tensors(f, scale=1):
        """Of a function that returns a sequence; `scale` divides a first scalar."""

        def check():
            out = [t.detach().contiguous().numpy() for t in f()]
            return [v for t in out for v in ([t / scale] if t.ndim == 0 else some(t))]

        return f, check

    def polynomial(x):
        return 2 * x**3 + 5 * x**2 + 3 * x

    def seed_gradient():
        x = torch.tensor(2.0, requires_grad=True)
        return scalar(lambda: torch.autograd.grad(polynomial(x), x)[0])

    def seed_second():
        x = torch.tensor(2.0, requires_grad=True)

        def f():
            (first,) = torch.autograd.grad(polynomial(x), x, create_graph=True)
            return torch.autograd.grad(first, x)[0]

        return scalar(f)

    def seed_power():
        y = torch.tensor(42.0, requires_grad=True)
        return scalar(lambda: torch.autograd.grad(y * y * y * y, y)[0])

    def chain(gradient):
        x, c, d = (torch.tensor(v) for v in (1.0, 0.001, CHAIN_FACTOR))
        x.requires_grad_()

        def f():
            t = x
            for _ in range(0, CHAIN_LENGTH, 2):
                t = (t + c) * d
            return torch.autograd.grad(t, x)[0] if gradient else t

        return scalar(f)

    def chain_four():
        x, c = torch.tensor(FOUR_X, requires_grad=True), torch.tensor(FOUR_C)

        def f():
            t = x
            for _ in range(FOUR_ROUNDS):
                t = ((t * c).tanh() + c).square()
            return torch.autograd.grad(t.sum(), x)[0]

        return f, lambda: f().numpy()

    def add_item():
        x, y = torch.tensor(2.0), torch.tensor(3.0)
        return scalar(lambda: x + y)

    def add_four():
        x, y = torch.tensor([1.0, 2, 3, 4]), torch.tensor([5.0, 6, 7, 8])
        f = lambda: x + y
        return f, lambda: f().numpy()

    def elementwise(op, n):
        x, y = (tensor(uniform([n], seed)) for seed in (1, 2))
        if op == "sum":
            return scalar(lambda: x.sum())
        f = {"add": lambda: x + y, "exp": lambda: x.exp(), "tanh": lambda: x.tanh()}[op]
        return tensors(lambda: [f()])

    def rows(op, size):
        x = tensor(uniform([size, size], 1))
        f = {
            "sum-rows": lambda: x.sum(1),
            "sum-columns": lambda: x.sum(0),
            "max-rows": lambda: x.amax(1),
            "argmax-rows": lambda: x.argmax(1),
            "logsumexp": lambda: x.logsumexp(1),
            "softmax": lambda: x.softmax(1),
        }[op]
        return tensors(lambda: [f()])

    def fused(n, gradient):
        sources = [tensor(uniform([n], seed)).requires_grad_(gradient) for seed in (1, 2, 3)]
        value = maybe_compiled(lambda x, w, b: (x * w + b).tanh().square().sum())

        def f():
            y = value(*sources)
            return [y, *torch.autograd.grad(y, sources)]

        return tensors(f, n) if gradient else scalar(lambda: value(*sources))

    def matmul(n, dtype, transposeA, transposeB):
        a, b = (tensor(uniform([n, n], seed, dtype)) for seed in (1, 2))
        return tensors(lambda: [(a.T if transposeA else a) @ (b.T if transposeB else b)])

    def matmul_gradient(n):
        sources = [tensor(uniform([n, n], seed)).requires_grad_() for seed in (1, 2)]
        return tensors(lambda: torch.autograd.grad((sources[0] @ sources[1]).square().sum(), sources))

    def conv(part, **given):
        # channels_last is NHWC in memory.
        x, filter, gradient = (tensor(t) for t in convolution(**given))
        x, gradient = x.permute(0, 3, 1, 2), gradient.permute(0, 3, 1, 2)
        filter = filter.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
        f, back = {
            "forward": (lambda: F.conv2d(x, filter, padding=1), (0, 2, 3, 1)),
            "input": (
                lambda: torch.nn.grad.conv2d_input(x.shape, filter, gradient, padding=1),
                (0, 2, 3, 1),
            ),
            "filter": (
                lambda: torch.nn.grad.conv2d_weight(x, filter.shape, gradient, padding=1),
                (2, 3, 1, 0),
            ),
        }[part]
        return f, lambda: some(f().permute(back).contiguous().numpy())

    def sort(n, dtype):
        x = tensor(uniform([n], 1, dtype))
        return tensors(lambda: [x.sort().values])

    def value_and_gradients(f, sources, gradient):
        def step():
            y = f(*sources)
            return [y, *torch.autograd.grad(y, sources, gradient)]

        return tensors(step)

    def attention(shape, causal, gradient):
        *sources, ct = (tensor(uniform(shape, seed)) for seed in (1, 2, 3, 4))
        f = lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        if not gradient:
            return tensors(lambda: [f(*sources)])
        return value_and_gradients(f, [t.requires_grad_() for t in sources], ct)

    def weights(shape, form):
        q, k = (tensor(uniform(shape, seed)) for seed in (1, 2))
        if form == "einsum":
            return tensors(lambda: [torch.einsum("bhqd,bhkd->bhqk", q, k)])
        return tensors(lambda: [q @ k.mT])

    def layer_normalization(shape):
        x, ct = (tensor(uniform(shape, seed)) for seed in (1, 2))
        gamma, beta = (tensor(uniform(shape[-1:], seed)) for seed in (1, 2))
        f = lambda x, gamma, beta: F.layer_norm(x, shape[-1:], gamma, beta, 1e-7)
        return value_and_gradients(f, [t.requires_grad_() for t in (x, gamma, beta)], ct)

    def model(size="large"):
        weights, x, labels = network(size)
        parameters = [tensor(w).requires_grad_() for w in weights]
        x, labels = tensor(x), tensor(labels).long()

        def loss(activation):
            h = x
            for k in range(0, len(parameters), 2):
                h = torch.addmm(parameters[k + 1], h, parameters[k])
                if k + 2 < len(parameters):
                    h = activation(h)
            return F.cross_entropy(h, labels)

        return parameters, loss

    def train(optimizer, size="large"):
        parameters, loss = model(size)
        if optimizer == "sgd":
            optimizer = torch.optim.SGD(parameters, LEARNING_RATE)
        else:
            optimizer = torch.optim.Adam(parameters, ADAM_RATE, eps=1e-7)
        value_of = maybe_compiled(lambda: loss(torch.relu))

        def step():
            optimizer.zero_grad()
            value = value_of()
            value.backward()
            optimizer.step()
            return value.item()

        return step, lambda: [step(), step(), step()]

    def hvp():
        parameters, loss = model()
        vectors = [tensor(d) for d in directions()]

        def f():
            gradients = torch.autograd.grad(loss(torch.tanh), parameters, create_graph=True)
            return torch.autograd.grad(gradients, parameters, grad_outputs=vectors)

        return f, lambda: [v for t in f() for v in t.reshape(-1)[:5].tolist()]

    def mlp(x, w1, b1, w2, b2):
        return torch.tanh(torch.addmm(b2, torch.tanh(torch.addmm(b1, x, w1)), w2))

    def all_of(f, x):
        return tensors(lambda: [f(x)])

    def jacobian_mlp():
        x, *rest = map(tensor, seeded(MLP_SHAPES))
        return all_of(torch.func.jacrev(lambda t: mlp(t, *rest)), x)

    def mlp_jvp(pushed):
        x, *rest = map(tensor, seeded(MLP_SHAPES))
        f = lambda t: mlp(t, *rest)
        return tensors(lambda: torch.func.jvp(f, (x,), (x,))) if pushed else all_of(f, x)

    def hessian_loss():
        x, y, p = map(tensor, seeded(LOSS_SHAPES))

        def loss(t):
            w1, w2 = t[:28].reshape(4, 7), t[33:].reshape(7, 1)
            return ((torch.tanh(x @ w1) @ w2 - y) ** 2).mean() + (t[28:33] ** 2).sum()

        return all_of(torch.func.hessian(loss), p)

    def hessian_rosenbrock(n):
        def rosenbrock(x):
            a, b = x[:-1], x[1:]
            return (100 * (b - a * a) ** 2 + (1 - a) ** 2).sum()

        return all_of(torch.func.hessian(rosenbrock), tensor(uniform([n], 1)))

    def jacobian_diagonal(n):
        return all_of(torch.func.jacrev(lambda t: torch.exp(torch.sin(torch.tanh(t * 2)))), tensor(uniform([n], 1)))

    found = {"fused": fused, "train": train}
    if not compiled:
        found |= {
            "seed-gradient": seed_gradient,
            "seed-second": seed_second,
            "seed-power": seed_power,
            "chain": chain,
            "chain-four": chain_four,
            "add-item": add_item,
            "add-four": add_four,
            "elementwise": elementwise,
            "rows": rows,
            "matmul": matmul,
            "matmul-gradient": matmul_gradient,
            "conv": conv,
            "hvp": hvp,
            "sort": sort,
            "attention": attention,
            "weights": weights,
            "layer-normalization": layer_normalization,
            "jacobian-mlp": jacobian_mlp,
            "mlp-jvp": mlp_jvp,
            "hessian-loss": hessian_loss,
            "hessian-rosenbrock": hessian_rosenbrock,
            "jacobian-diagonal": jacobian_diagonal,
        }
    return found
