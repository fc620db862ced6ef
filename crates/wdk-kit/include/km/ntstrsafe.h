/* Bounded string functions: none is exported, so there is nothing to declare. */
#pragma once
