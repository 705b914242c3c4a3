package import CadastreNode
internal import Foundation
internal import NIOCore

/// The clocks of this machine: the only place that looks at them for the stages.
package enum Clock {
    /// Now, by both clocks.
    package static func now() -> Moment {
        Moment(monotonic: monotonic, wall: UInt64(max(0, Date().timeIntervalSince1970 * 1_000)))
    }

    /// Nanoseconds of the clock that never goes back.
    package static var monotonic: UInt64 { NIODeadline.now().uptimeNanoseconds }
}
