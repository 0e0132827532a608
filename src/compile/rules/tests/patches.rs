use super::*;

#[test]
fn nodes_that_no_output_needs_go_and_are_told() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let unused = s.unary(ActivationKind::Exp, x);
    s.unary(ActivationKind::Tanh, unused);
    let y = s.softmax(x);
    s.output(y);
    let graph = s.settled();
    assert_eq!(ops_of(&graph), ["softmax"]);
    assert_eq!(graph.folded.len(), 2);
    assert!(graph.folded.iter().all(|(_, reason)| reason == "no output needs it"));
}

#[test]
fn the_same_graph_gives_the_same_graph() {
    let make = || {
        let mut s = Sketch::new();
        let x = s.input(&[1, 3, 8, 8]);
        let y = s.conv_nchw(x, 4, 3, 1);
        let y = s.relu(y);
        let y = s.conv_nchw(y, 4, 3, 1);
        s.output(y);
        s.settled()
    };
    assert_eq!(format!("{:?}", make()), format!("{:?}", make()));
}
