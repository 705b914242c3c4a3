package import RaftCore

/// Where the state of this node and that of a leader parted, as far as they were compared.
package struct Divergence: Hashable, Sendable {
    /// An entry, and what the clock of the leader that proposed it said.
    package struct Moment: Hashable, Sendable, CustomStringConvertible {
        /// Which entry.
        package var index: LogIndex
        /// Milliseconds since 1970; 0 where that is not known.
        package var milliseconds: UInt64

        /// Names an entry and its moment.
        package init(index: LogIndex, milliseconds: UInt64) {
            self.index = index
            self.milliseconds = milliseconds
        }

        package var description: String {
            milliseconds == 0
                ? "entry \(index)" : "entry \(index) of \(WallTime(milliseconds: milliseconds))"
        }
    }

    /// The first entry at which they were found to differ.
    package var first: Moment
    /// The last at which they were found equal; nil if they were not compared before since the start.
    package var lastEqual: Moment?

    /// Describes a divergence.
    package init(first: Moment, lastEqual: Moment?) {
        self.first = first
        self.lastEqual = lastEqual
    }
}
