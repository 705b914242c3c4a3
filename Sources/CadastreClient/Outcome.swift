/// What became of a request: exactly one of three.
public enum Outcome<Value: Sendable>: Sendable {
    /// It happened, once, and this is what came of it.
    case done(Value)
    /// Nothing happened and nothing will.
    case refused(Refused)
    /// Nobody knows whether it happened; the text says why, for people.
    ///
    /// Read what it would have changed before deciding to repeat it.
    case unknown(String)

    /// The value if it was done.
    public var value: Value? {
        if case .done(let value) = self { value } else { nil }
    }

    /// The refusal if it was refused.
    public var refusal: Refused? {
        if case .refused(let refused) = self { refused } else { nil }
    }

    /// The same outcome with another value.
    public func map<Other: Sendable>(_ transform: (Value) -> Other) -> Outcome<Other> {
        switch self {
        case .done(let value): .done(transform(value))
        case .refused(let refused): .refused(refused)
        case .unknown(let reason): .unknown(reason)
        }
    }
}

extension Outcome: Equatable where Value: Equatable {}
