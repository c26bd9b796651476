//! What a picture costs the terminal.

use std::{cell::RefCell, io, rc::Rc};

use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};

use super::{COLOUR, NOW, after, draw, model};

/// What goes to a terminal.
#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Vec<u8>>>);

impl io::Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_countdown_costs_a_few_bytes_and_never_the_whole_screen() {
    let (wire, model) = (Wire::default(), model());
    let viewport = Viewport::Fixed(Rect::new(0, 0, 140, 40));
    let backend = CrosstermBackend::new(wire.clone());
    let mut terminal = Terminal::with_options(backend, TerminalOptions { viewport }).unwrap();
    let mut written = |now| {
        terminal.draw(|frame| draw(&model, now, COLOUR, frame.area(), frame.buffer_mut())).unwrap();
        let bytes = String::from_utf8(std::mem::take(&mut *wire.0.borrow_mut())).unwrap();
        assert!(!bytes.contains("\x1b[2J") && !bytes.contains("\x1b[J"), "nothing is cleared: {bytes:?}");
        bytes.len()
    };
    assert!(written(NOW) > 1000);
    for second in 1..=30 {
        let bytes = written(after(second));
        // Of each of four sessions two numbers, and the clock.
        assert!(bytes < 400, "{bytes} bytes for a second");
    }
    assert!(written(after(30)) < 50, "nothing has changed");
}
