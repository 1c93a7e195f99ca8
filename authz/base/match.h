// match(): one function for each alternative of a variant; it does not compile without one of them.
#pragma once

#include <utility>
#include <variant>

namespace gerve {

template <class... F>
struct Cases : F... {
    using F::operator()...;
};
template <class... F>
Cases(F...) -> Cases<F...>;

template <class Variant, class... F>
decltype(auto) match(Variant&& variant, F&&... cases) {
    return std::visit(Cases{std::forward<F>(cases)...}, std::forward<Variant>(variant));
}

}  // namespace gerve
