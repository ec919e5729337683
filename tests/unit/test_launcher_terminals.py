"""A process that asks for a pseudo terminal still runs on a machine that has none."""

from cablecell.launcher import process
from cablecell.launcher.cli import main


def test_pipes_stand_in_for_missing_terminals(tmp_path, monkeypatch, capfd):
    def refuse():
        raise OSError("out of pty devices")

    monkeypatch.setattr(process.pty, "openpty", refuse)
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path / "log"))
    file = tmp_path / "one.launch.xml"
    file.write_text('<launch><executable cmd="echo hello" output="screen" emulate_tty="true"/></launch>')
    assert main([str(file), "--noninteractive"]) == 0
    out = capfd.readouterr().out
    assert "[echo-1] hello" in out
    assert "[WARNING] [echo-1]: no pseudo terminal on this machine (out of pty devices): using pipes" in out
