/// What a node's folder holds, as its names tell.
///
/// Founding writes the journal first and the identity last; the first start makes the state. So
/// the names say how far it came.
enum FolderContents: Hashable {
    /// No file.
    case nothing
    /// A node that was founded.
    case node
    /// A founding that was interrupted: nothing was promised yet.
    case unfinishedFounding
    /// A node that ran, without the file that says whose it is.
    case lostNode
    /// Files that are not a node's.
    case others

    /// Judges the names in the folder, that of the lock left out.
    init(_ names: [String]) {
        if names.isEmpty {
            self = .nothing
        } else if names.contains(IdentityFile.name) {
            self = .node
        } else if names.contains("state") {
            self = .lostNode
        } else if names.allSatisfy({ $0 == "journal" || $0 == "\(IdentityFile.name).new" }) {
            self = .unfinishedFounding
        } else {
            self = .others
        }
    }

    /// What happened and what to do, for whoever wanted to found or to start a node here.
    func advice(_ directory: String) -> String {
        switch self {
        case .nothing:
            """
            \(directory) holds no node; found it once with `cadastred init`. If it held one before, \
            its disk is lost, and with it what the node voted for and acknowledged: found it with \
            `cadastred init --join`, and take it in with `cadastre member replace`
            """
        case .node:
            """
            \(directory) is not empty: it holds a node already, and a node is founded once. To start \
            it, run it; to found another one, choose an empty folder
            """
        case .unfinishedFounding:
            """
            `cadastred init` was interrupted in \(directory) before the node was founded. The node \
            never ran and promised nothing: remove everything in \(directory), and call \
            `cadastred init` again
            """
        case .lostNode:
            """
            \(directory) holds a node that ran, but not its file \(directory)/\(IdentityFile.name), \
            which says whose folder it is. Put that file back from a copy of this folder; it never \
            changes. Do not found the node again: it would forget its votes
            """
        case .others:
            """
            \(directory) is not empty, and what is in it is not a node's. Check the data folder in \
            the configuration; to found a node, choose an empty folder
            """
        }
    }
}
