"""Free memory as kernel and control groups tell it, read from made-up files."""

import os
import sys

import pytest

from ssdkd.free_memory import free_memory

MIB = 2**20


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A host with 1000 MiB available, and a writer of files below it."""
    monkeypatch.delenv('LOCAL_WORLD_SIZE', raising=False)

    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    write('proc/meminfo', f'MemTotal: 9 kB\nMemAvailable:  {1000 * 1024} kB\n')
    return tmp_path, write


def group(write, folder, limit, usage, stat, names):
    for name, value in zip(names, (limit, usage)):
        write(f'{folder}/memory.{name}', f'{value}\n')
    write(f'{folder}/memory.stat', ''.join(f'{k} {v}\n' for k, v in stat.items()))


V1 = ('limit_in_bytes', 'usage_in_bytes')
V2 = ('max', 'current')


def test_without_groups(root):
    assert free_memory('cpu', root[0]) == 1000 * MIB


def test_a_group_of_version_2_and_its_parents(root):
    folder, write = root
    write('proc/self/cgroup', '0::/job/step\n')
    cached = dict(anon=1, inactive_file=20 * MIB, active_file=30 * MIB)
    group(write, 'sys/fs/cgroup/job', 300 * MIB, 200 * MIB, cached, V2)
    group(write, 'sys/fs/cgroup/job/step', 'max', 100 * MIB, cached, V2)
    assert free_memory('cpu', folder) == 150 * MIB


@pytest.mark.parametrize('mounted', ['/job', ''])  # a container may not see the host's path
def test_a_group_of_version_1(root, mounted):
    folder, write = root
    write('proc/self/cgroup', '5:cpu:/job\n4:memory,hugetlb:/job\n')
    where = f'sys/fs/cgroup/memory{mounted}'
    stat = dict(inactive_file=1, total_inactive_file=10 * MIB, total_active_file=0)
    group(write, where, 300 * MIB, 200 * MIB, stat, V1)
    assert free_memory('cpu', folder) == 110 * MIB
    group(write, where, 2**63 - 4096, 200 * MIB, stat, V1)  # how the kernel writes "none"
    assert free_memory('cpu', folder) == 1000 * MIB


def test_processes_of_one_host_share_it(root, monkeypatch):
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '4')
    assert free_memory('cpu', root[0]) == 250 * MIB


def test_a_host_without_proc_has_all_of_its_memory(tmp_path, monkeypatch):
    monkeypatch.delenv('LOCAL_WORLD_SIZE', raising=False)
    assert free_memory('cpu', tmp_path) == os.sysconf('SC_PHYS_PAGES') * os.sysconf(
        'SC_PAGE_SIZE'
    )


def test_an_unknown_device():
    assert free_memory('meta') is None


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_this_machine():
    assert 10 * MIB < free_memory('cpu') < 2**50
